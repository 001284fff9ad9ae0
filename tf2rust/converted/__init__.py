"""Commands on the output folder of a conversion: build, run, test, profile, measure and compare its crate."""
