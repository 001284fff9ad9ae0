"""LSTM, GRU and SimpleRNN, from ONNX's operators and from loops."""
