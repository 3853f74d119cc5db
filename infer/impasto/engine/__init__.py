"""A model in onnxruntime.

In: the bytes of a model and the name of a device. Out: a session on that device, checked against the contract.
"""
