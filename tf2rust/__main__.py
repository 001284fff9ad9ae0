"""Entry point of ``python -m tf2rust`` and of the command ``tf2rust``."""

import signal

# Until the supervisor handles signals, Ctrl-C ends the process without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from tf2rust.process.supervisor import main  # noqa: E402

if __name__ == "__main__":
    main()
