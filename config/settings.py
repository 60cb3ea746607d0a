"""Every setting of the platform: one typed field per environment variable, with its default and its meaning.

Read once per process, from the environment and `.env`; what is wrong is told all at once.
`.env.example` and `docs/settings.md` are printed from these fields.
"""

from functools import cached_property, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from config import addresses, certificates, mail, nameservers
from config.secret import kept_secret, signing_key

GIB = 1024**3
#: Settings that hold passwords: what they are is never told.
SECRET = (
    *("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "SMTP_URL", "KUBO_API", "DNS_UPDATE_KEY"),
    "DNS_PROVIDER_OPTIONS",
    *("ENS_RPC", "ENS_SIGNER_KEY"),
)


class SettingsError(Exception):
    """What is wrong with the settings: one line for each mistake, all of them."""


def _default_database(data: dict[str, Any]) -> str:
    return f"sqlite:///{data['antiphon_home']}/antiphon.db"


def _default_public(data: dict[str, Any]) -> str:
    return f"http://{addresses.reachable(data['host'])}:{data['port']}"


def _default_gateway(data: dict[str, Any]) -> str:
    host = addresses.reachable(data["host"])
    return f"http://{'localhost' if host in ('127.0.0.1', '[::1]') else host}:{data['gateway_port']}"


Port = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
WebAddress = Annotated[str, AfterValidator(addresses.web_address)]


class Settings(BaseSettings):
    """The settings of one process; immutable."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, env_ignore_empty=True)

    antiphon_home: Annotated[Path, AfterValidator(addresses.absolute)] = Field(
        Path("var"), description="The folder of everything mutable: database, blobs, Redis, tokens, logs."
    )
    database_url: Annotated[str, AfterValidator(addresses.database)] = Field(
        default_factory=_default_database,
        description="SQLAlchemy URL. postgresql+psycopg://... for more than one machine.",
        json_schema_extra={"shown": "sqlite:///<home>/antiphon.db"},
        repr=False,
    )
    redis_url: Annotated[str | None, AfterValidator(addresses.redis)] = Field(
        None, description="The broker. Without it the local start brings its own server.", repr=False
    )
    given_secret_key: str = Field(
        "",
        validation_alias="secret_key",
        description="Signs sessions and encrypts secrets at rest. Made once and kept in the home folder.",
        repr=False,
    )
    host: str = Field("127.0.0.1", description="The address that every server listens on.")
    port: Port = Field(8000, description="Port of the API, the pages and the docs.")
    gateway_port: Port = Field(8080, description="Port of the deployed sites.")
    flower_port: Port = Field(5555, description="Port of Flower, Celery's dashboard.")
    public_url: WebAddress = Field(
        default_factory=_default_public,
        description="How people reach the API and the pages.",
        json_schema_extra={"shown": "http://<HOST>:<PORT>"},
    )
    gateway_url: WebAddress = Field(
        default_factory=_default_gateway,
        description="How people reach the sites: a site is its slug as a label under this host.",
        json_schema_extra={"shown": "http://localhost:<GATEWAY_PORT>"},
    )
    storage_backend: Literal["folder", "memory"] = Field(
        "folder", description="Where blobs are kept: folder (in the home folder) or memory (of one process)."
    )
    kubo_api: Annotated[str | None, AfterValidator(addresses.kubo)] = Field(
        None,
        description="The RPC of an IPFS node (Kubo) that pins what is published: http://127.0.0.1:5001, with "
        "user:password@ or token@ before the host where it asks for them. Without it none does.",
        repr=False,
    )
    ens_rpc: Annotated[str | None, AfterValidator(addresses.rpc)] = Field(
        None,
        description="The JSON-RPC of an Ethereum node, by which ENS is read and written. Without it no name "
        "can be linked.",
        repr=False,
    )
    ens_registry: Annotated[str, AfterValidator(addresses.contract)] = Field(
        "0x00000000000C2E074eC69A0dFb2997BA6C7d2e1e", description="The contract of ENS's registry there."
    )
    ens_signer_key: Annotated[str, AfterValidator(signing_key)] = Field(
        "",
        description="The private key, in hex, that signs updates of ENS names. Without it their owners do.",
        repr=False,
    )
    ens_confirmations: Annotated[int, Field(ge=1, le=64)] = Field(
        2, description="After how many blocks a change of an ENS name counts as there to stay."
    )
    notify_to: str = Field(
        "operator@localhost", description="Who is told by default: an e-mail address, or a channel's name."
    )
    notify_from: Annotated[str, AfterValidator(mail.address)] = Field(
        "antiphon@localhost", description="The sender of e-mails."
    )
    smtp_url: Annotated[str | None, AfterValidator(mail.server)] = Field(
        None,
        description="The mail server: smtp://host:port, smtp+starttls://user:password@host or smtps://... "
        "Without it e-mails become log lines.",
        repr=False,
    )
    notify_schemes: Annotated[str, AfterValidator(mail.schemes)] = Field(
        "mailto,mailtos,slack,discord,tgram", description="Comma-separated kinds of channels to be added."
    )
    notify_dedup_seconds: Annotated[float, Field(ge=0)] = Field(
        600, description="The same failure is not told again to the same recipient for so long; 0: always."
    )
    webhook_allow_networks: Annotated[str, AfterValidator(addresses.networks)] = Field(
        "",
        description="Comma-separated networks that webhooks may reach although private, also by plain http.",
    )
    gateway_addresses: Annotated[str, AfterValidator(nameservers.addresses)] = Field(
        "",
        description="Comma-separated public IP addresses of the gateway, for names that may have no CNAME. "
        "Without them its host name is looked up.",
    )
    dns_resolver: Annotated[str, AfterValidator(nameservers.servers)] = Field(
        "",
        description="Comma-separated addresses of resolvers to check names with: 192.0.2.53, 127.0.0.1:5353. "
        "Without it those of the machine.",
    )
    dns_authoritative_port: Port = Field(53, description="Port on which the name servers of zones are asked.")
    dns_zone: Annotated[str, AfterValidator(nameservers.zone)] = Field(
        "", description="Our own zone, to which people delegate _dnslink and _acme-challenge once, by CNAMEs."
    )
    dns_server: Annotated[str, AfterValidator(nameservers.servers)] = Field(
        "", description="Address of the name server that takes updates of DNS_ZONE (RFC 2136)."
    )
    dns_update_key: Annotated[str, AfterValidator(nameservers.key)] = Field(
        "", description="The TSIG key that signs updates: hmac-sha256:name:base64-secret.", repr=False
    )
    dns_provider: str = Field(
        "",
        pattern=r"^\w*$",
        description="Who has DNS_ZONE, by dns-lexicon's names: cloudflare ...",
    )
    dns_provider_options: Annotated[str, AfterValidator(nameservers.options)] = Field(
        "",
        description="What dns-lexicon wants to know of it, as a query string: auth_token=...",
        repr=False,
    )
    dns_backend: Annotated[
        Literal["manual", "rfc2136", "lexicon", "memory"], AfterValidator(nameservers.complete)
    ] = Field(
        "manual",
        description="How DNS_ZONE changes: rfc2136, lexicon (a provider's own API), manual (people are told "
        "what to enter), or memory.",
    )
    acme_directory: Annotated[str, AfterValidator(certificates.directory)] = Field(
        "",
        description="The directory of an ACME authority: https://acme-v02.api.letsencrypt.org/directory. "
        "Without it certificates are left to the proxy in front.",
    )
    acme_email: str = Field("", description="Where the authority may write about certificates.")
    acme_ca_file: Annotated[Path | None, AfterValidator(certificates.authorities)] = Field(
        None, description="PEM file by which the authority itself is trusted, in place of the system's."
    )
    certs_reload_command: Annotated[str, AfterValidator(certificates.command)] = Field(
        "",
        description="Run, without a shell, after files in <home>/certs have changed: nginx -s reload.",
    )
    lease_seconds: Seconds = Field(
        10, description="A running action that is not heard of for so long is tried again."
    )
    sweep_seconds: Seconds = Field(1, description="Pause between two sweeps for what was lost or is due.")
    max_upload_bytes: Count = Field(GIB, description="Largest archive that is accepted.")
    max_site_files: Count = Field(100_000, description="Most files in one deploy.")
    max_site_bytes: Count = Field(4 * GIB, description="Largest deploy, unpacked.")
    max_bomb_ratio: Count = Field(
        200, description="Most unpacked bytes for one packed byte, counted above 100 MiB."
    )
    worker_concurrency: Count = Field(2, description="Slots for inner actions, which only decide.")
    outer_concurrency: Count = Field(4, description="Slots for outer actions, which touch a service.")
    max_backlog: Count = Field(
        10_000, description="New deploys are refused while more reactions than this are to be worked off."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The least severe log lines that are written."
    )

    @cached_property
    def secret_key(self) -> str:
        """SECRET_KEY, else the key kept in `<home>/secret-key`, which the first reader makes."""
        try:
            return self.given_secret_key or kept_secret(self.antiphon_home / "secret-key")
        except OSError as error:
            raise SettingsError(f"ANTIPHON_HOME: cannot keep a secret key there: {error}") from error

    @property
    def broker_url(self) -> str:
        """REDIS_URL, else where the local start's own server listens: a socket, or what it wrote to `url`."""
        if self.redis_url:
            return self.redis_url
        folder = self.antiphon_home / "redis"
        written = folder / "url"
        return written.read_text().strip() if written.exists() else f"redis+socket://{folder}/redis.sock"

    def as_environment(self) -> dict[str, str]:
        """These settings as variables for other processes: the broker's address too, no key."""
        named = self.model_dump(mode="json", exclude={"given_secret_key", "ens_signer_key"})
        given = {name.upper(): str(value) for name, value in named.items() if value is not None}
        return given | {"REDIS_URL": self.broker_url}


def load_settings(**given: Any) -> Settings:
    """Read the settings afresh; `given` goes before the environment. SettingsError lists every mistake."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise SettingsError("\n".join(_mistakes(error))) from None


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return load_settings()


def settings_or_exit() -> Settings:
    """The settings of this process; where they are wrong it ends, and says each mistake in a line of its
    own.
    """
    try:
        return get_settings()
    except SettingsError as error:
        raise SystemExit(f"The settings are wrong:\n{error}") from None


def _mistakes(error: ValidationError) -> list[str]:
    lines = []
    for mistake in error.errors(include_url=False):
        if mistake["type"] == "default_factory_not_called":  # it follows from another line
            continue
        name = str(mistake["loc"][0]).upper()
        what = mistake["msg"].removeprefix("Value error, ")
        told = name not in SECRET
        lines.append(f"{name}: {what} (it is {mistake['input']!r})" if told else f"{name}: {what}")
    return lines
