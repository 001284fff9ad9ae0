"""LSTM, GRU and SimpleRNN, as ONNX has them and as loops."""
