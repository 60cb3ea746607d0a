"""`python -m app.local`, what `make run` starts: reads the settings, hears signals, runs one local start."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType

from app.local.screen import Screen
from app.local.start import LocalStart
from config.settings import SettingsError, get_settings

ONE_SIGNAL = 1.0  # seconds in which a second signal is the same one, heard from the terminal and from make


def main() -> int:
    """The first SIGINT, SIGTERM or SIGHUP stops everything softly, the second one at once."""
    screen = Screen(sys.stdout)
    try:
        settings = get_settings()
    except SettingsError as error:
        screen.say(f"The settings are wrong:\n{error}")
        return 1
    start = LocalStart(settings, Path.cwd(), screen)

    heard: list[float] = []

    def hear(_number: int, _frame: FrameType | None) -> None:
        heard.append(time.monotonic())
        start.stop.set()
        if heard[-1] - heard[0] > ONE_SIGNAL:
            start.hurry.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, hear)
    return start.run()


if __name__ == "__main__":
    sys.exit(main())
