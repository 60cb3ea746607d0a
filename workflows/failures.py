"""How a deploy fails.

Fetching and packaging say so themselves. A failed upload, a state that lasted too long and an action that
was given up are told to Sites, which decides: before it is published the deploy has failed, afterwards it
is live with targets missing. What was live stays live either way.
"""

from app.engine import ReactionDeadLettered, on
from app.signals.deploys import DeployStalled
from app.signals.storage import UploadFailed
from tasks import sites

on(UploadFailed | DeployStalled, do=sites.fail_deploy)
on(
    ReactionDeadLettered,
    do=sites.fail_deploy,
    when={"follower": [False]},
    name="failures:fail_what_was_given_up",
)
