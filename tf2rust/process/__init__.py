"""The child process of a conversion: it is started, limited, watched, and cleaned up after."""
