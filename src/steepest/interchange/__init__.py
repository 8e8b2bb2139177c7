"""Networks and models for others, and from them.

state_dict.py     parameters by the names and in the layout of PyTorch
graph.py          an ONNX graph under construction
onnx_layers.py    the ONNX form of every layer
onnx_encoder.py   the ONNX form of the preprocessing of tables
onnx_export.py    networks and models as ONNX files
onnx_import.py    networks from ONNX files
"""

__all__: list[str] = []
