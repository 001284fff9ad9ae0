"""LSTM, GRU and SimpleRNN, from ONNX operators and from loops."""
