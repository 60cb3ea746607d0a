"""ENS names of sites: `/v1/sites/{slug}/ens` and `/v1/ens/{name}`, with what there is to sign."""

from typing import Any

from flask import Response, current_app
from pydantic import BaseModel, Field

from app.api.auth import check_change, check_stream, require_site, scope
from app.api.commands import Answer, Repeatable, perform
from app.api.errors import body_problems, problems
from app.api.requests import Moment, Text
from app.api.sites import SitePath
from app.api.v1 import v1
from app.commands.ens import Configured, check_name, link_name, unlink_name
from app.dns.ens_names import normalised
from app.engine import reading
from app.models import ens
from app.models.ens import EnsName, State
from app.signals.ens import Mode

TAGS: Any = [{"name": "ENS", "description": "Names on a chain that follow what is live."}]
#: Where owners manage their names.
APP = "https://app.ens.domains"


class NamePath(BaseModel):
    """Which name, in any case."""

    name: Text


class NewName(BaseModel):
    """A name that is to follow the site. `prepared_tx`: its owner signs; `signer`: this installation does."""

    name: Text = Field(max_length=1000, examples=["my-site.eth"])
    update_mode: Mode = "prepared_tx"


class Check(BaseModel):
    """Whether a transaction that waits is to be offered anew, for higher fees."""

    raise_fees: bool = False


class SignAnswer(BaseModel):
    """What the owner has to sign: `calldata` to the contract `to` on that chain. `link` opens a wallet with
    it (EIP-681). Or enter `content` as the content hash at `app`. `gas` is what it takes, if that is known.
    """

    chain_id: int
    to: str
    calldata: str
    gas: int | None
    link: str
    content: str
    app: str


class TxAnswer(BaseModel):
    """The transaction that our signer drafted, and sent once it has a `hash`; fees in wei a unit of gas."""

    hash: str | None
    sender: str
    nonce: int
    gas: int
    max_fee: int
    priority_fee: int
    block_number: int | None


class EnsAnswer(BaseModel):
    """A linked name. `contenthash` is what it is to have, `onchain` what it has as far as was seen, both in
    hex; `cid` and `uri` are the same for people. `sign` is there while its owner's signature is awaited, `tx`
    while a transaction of ours is under way. `behind` is the name whose transaction goes first.
    """

    name: str
    site: str
    update_mode: Mode
    state: State
    deploy: str | None
    cid: str | None
    contenthash: str | None
    onchain: str | None
    uri: str | None
    owner: str | None
    resolver: str | None
    chain_id: int | None
    sign: SignAnswer | None
    tx: TxAnswer | None
    behind: str | None
    failure: dict[str, Any] | None
    flow: str
    linked_at: Moment
    waits_since: Moment | None
    next_check_at: Moment | None


class EnsList(BaseModel):
    """The ENS names of a site, by name."""

    items: list[EnsAnswer]


def _said(link: EnsName) -> Any:
    renamed = {"update_mode", "deploy", "sign", "tx", "next_check_at"}
    same = {name: getattr(link, name) for name in set(EnsAnswer.model_fields) - renamed}
    said = EnsAnswer(
        **same,
        update_mode=link.mode,
        deploy=link.deploy_id,
        sign=_to_sign(link),
        tx=_sent(link),
        next_check_at=link.deadline_at,
    )
    return said.model_dump(mode="json")


def _to_sign(link: EnsName) -> SignAnswer | None:
    if link.state != "awaiting_signature" or link.update is None:
        return None
    same = {name: link.update[name] for name in ("chain_id", "to", "calldata")}
    said = {"gas": link.update["gas_estimate"], "link": link.update["deeplink"]}
    return SignAnswer(**same, **said, content=f"ipfs://{link.update['cid']}", app=f"{APP}/{link.name}")


def _sent(link: EnsName) -> TxAnswer | None:
    if link.watched != "transaction" or link.draft is None:
        return None
    known: Any = {"hash": link.draft.get("tx_hash"), "block_number": link.draft.get("block_number")}
    names = ("sender", "nonce", "gas", "max_fee", "priority_fee")
    return TxAnswer(**known, **{name: link.draft[name] for name in names})


def _of(path: NamePath) -> EnsName:
    with reading() as db:
        found = ens.require(db, normalised(path.name.strip().removesuffix(".")))
    check_stream(found.stream)
    return found


@v1.get("/sites/<slug>/ens", tags=TAGS, responses={200: EnsList, **problems(404)})
@scope("read")
def list_names(path: SitePath) -> Any:
    """The ENS names that follow a site."""
    site = require_site(path.slug)
    with reading() as db:
        return {"items": [_said(each) for each in ens.of_site(db, site.id)]}


@v1.post("/sites/<slug>/ens", tags=TAGS, responses={201: EnsAnswer, **body_problems(404, 409)})
@scope("admin")
def make_link(path: SitePath, header: Repeatable, body: NewName) -> Response:
    """Let an ENS name follow a site. It is looked at on the chain from now on; again changes nothing."""
    check_change(require_site(path.slug).stream)
    have = Configured(*(bool(current_app.config[name]) for name in ("ENS_RPC", "ENS_SIGNER_KEY")))

    def work(log: Any) -> Answer:
        link = link_name(log, path.slug, body.name, body.update_mode, have)
        return Answer(_said(link), 201, f"/v1/ens/{link.name}")

    return perform(work, header, body.model_dump())


@v1.get("/ens/<name>", tags=TAGS, responses={200: EnsAnswer, **problems(404, 422)})
@scope("read")
def show_name(path: NamePath) -> Any:
    """An ENS name: its state, what the chain says, and what there is to sign."""
    return _said(_of(path))


@v1.post("/ens/<name>/check", tags=TAGS, responses={202: EnsAnswer, **body_problems(404, 409)})
@scope("admin")
def check_now(path: NamePath, header: Repeatable, body: Check) -> Response:
    """Look at a name now, or try its update again, instead of at its next time."""
    link = _of(path)
    check_change(link.stream)

    def work(log: Any) -> Answer:
        return Answer(_said(check_name(log, link, raise_fees=body.raise_fees)), 202)

    return perform(work, header, body.model_dump())


@v1.delete("/ens/<name>", tags=TAGS, responses={204: None, **problems(404, 422)})
@scope("admin")
def drop_name(path: NamePath) -> Response:
    """Let a name follow its site no more. What the chain says stays as it is."""
    link = _of(path)
    check_change(link.stream)

    def work(log: Any) -> Answer:
        unlink_name(log, link)
        return Answer(None, 204)

    return perform(work)
