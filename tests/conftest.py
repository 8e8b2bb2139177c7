"""Lets the tests in the folders below import `helpers`."""
