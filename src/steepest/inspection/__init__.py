"""Gradients made visible."""
