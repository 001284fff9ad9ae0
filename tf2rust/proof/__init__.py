"""The proof of a conversion: samples, their reference outputs, and the tolerances of the crate's tests."""
