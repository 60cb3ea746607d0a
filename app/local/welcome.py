"""The end of a start: on the very first the example goes live; the banner says where everything is."""

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from config import addresses
from config.settings import Settings

EXAMPLE, EXAMPLE_SLUG = Path("examples/site"), "hello"


class Link:
    """A one-time sign-in link, asked for beside the rest of the start because the asking takes time."""

    def __init__(self, environment: Mapping[str, str], cwd: Path, instead: str) -> None:
        self._instead = instead
        self._asked = subprocess.Popen(
            [sys.executable, "-m", "app.local.sign_in"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            text=True,
            env=dict(environment),
            cwd=cwd,
        )

    def text(self) -> str:
        """The link; the plain address of the pages when none was to be had within ten seconds."""
        try:
            said, _ = self._asked.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self._asked.kill()
            said, _ = self._asked.communicate()
        lines = [line.strip() for line in said.splitlines() if line.strip().startswith("http")]
        return lines[-1] if lines and self._asked.returncode == 0 else self._instead


def deploy_example(
    settings: Settings, environment: Mapping[str, str], root: Path, stop: threading.Event
) -> None:
    """Deploy the example as site `hello`, with its timeline on this terminal, unless it was done before."""
    done = settings.antiphon_home / "example-deployed"
    token = settings.antiphon_home / "admin-token"
    if done.exists() or not token.exists() or not (root / EXAMPLE).is_dir():
        return
    server = f"http://{addresses.reachable(settings.host)}:{settings.port}"
    deploy = subprocess.Popen(  # noqa: S603 - no word of it is from outside
        ["flask", "deploy", str(EXAMPLE), "--site", EXAMPLE_SLUG, "--watch"],  # noqa: S607 - PATH begins with our environment
        stdout=sys.stdout,
        stderr=sys.stderr,
        stdin=subprocess.DEVNULL,
        env={**environment, "ANTIPHON_SERVER": server, "ANTIPHON_TOKEN": token.read_text().strip()},
        cwd=root,
        start_new_session=True,
    )
    while deploy.poll() is None:
        if stop.wait(0.1):
            deploy.terminate()
            deploy.wait()
            return
    if deploy.returncode == 0:
        done.touch()


def banner(settings: Settings, pages: str) -> str:
    """Where everything is, in one block; `pages` is the sign-in link."""
    host = addresses.reachable(settings.host)
    scheme, _, gateway = settings.gateway_url.partition("://")
    once = "   (signs you in, once)" if pages != settings.public_url else ""
    rows = {
        "Sites, flows": f"{pages}{once}",
        "API docs": f"{settings.public_url}/docs",
        "Gateway": f"{settings.gateway_url}   (a site: {scheme}://<slug>.{gateway}/)",
        "Example": f"{scheme}://{EXAMPLE_SLUG}.{gateway}/",
        "Flower": f"http://{host}:{settings.flower_port}   (user admin, password: the admin token)",
        "Admin token": f"{settings.antiphon_home / 'admin-token'}",
        "Logs": f"{settings.antiphon_home / 'logs'}",
    }
    if not (settings.antiphon_home / "example-deployed").exists():
        del rows["Example"]
    body = "\n".join(f"  {name:<13} {value}" for name, value in rows.items())
    rule = "-" * 72
    return f"\n{rule}\n  Antiphon is up. Ctrl-C stops everything.\n\n{body}\n{rule}\n"
