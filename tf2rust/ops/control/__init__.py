"""Control flow: layers that run other layers."""
