"""Signal processing: Fourier transforms and mel filters."""
