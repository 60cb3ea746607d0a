"""An `Authority` at an ACME directory, on certbot's library: each call looks at what the authority has, and
does what is next. So it can be made again by anybody, however the last one ended.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from acme import challenges, crypto_util, errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography import x509
from josepy.errors import DeserializationError
from josepy.jwa import ES256

from app.errors import PermanentError, PlatformError
from app.services.acme import problems
from app.services.acme.account import AccountFile
from app.services.acme.port import Challenge, Method, Window
from app.services.acme.renewal import certificate_id, seconds_of, window_of

_SECONDS = 20
_NONCES = 5
_OVER = {"type": "", "detail": "the order is no longer valid"}
_KINDS: dict[Method, type[challenges.KeyAuthorizationChallenge]] = {
    "http-01": challenges.HTTP01,
    "dns-01": challenges.DNS01,
}


class _Network(ClientNetwork):
    """Remembers what the last answer asked for, and lets no nonce that went stale end anything."""

    retry_after: int | None = None
    status = 0

    def _send_request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        response = super()._send_request(method, url, *args, **kwargs)
        self.retry_after = seconds_of(response.headers.get("Retry-After"))
        self.status = response.status_code
        return response

    def post(self, *args: Any, **kwargs: Any) -> Any:
        for _ in range(_NONCES - 1):
            try:
                return super().post(*args, **kwargs)
            except messages.Error as error:
                if error.code != "badNonce":
                    raise
        return super().post(*args, **kwargs)


class AcmeAuthority:
    """One authority; `trusted` is a file by which it is trusted, or yes: the system's."""

    def __init__(self, directory: str, account: AccountFile, email: str, trusted: str | bool) -> None:
        self._url = directory
        self._account = account
        self._email = email
        self._net = _Network(account.key(), alg=ES256, user_agent="antiphon", timeout=_SECONDS)
        self._net.verify_ssl = trusted  # type: ignore[assignment]  # requests takes a file as well

    def caa_names(self) -> tuple[str, ...]:
        """The directory's `caaIdentities`."""
        with self._speaking():
            return tuple(self._client.directory.meta.caa_identities or ())

    def order(self, request: bytes) -> str:
        """Order anew, whatever was ordered before."""
        asked = x509.load_pem_x509_csr(request)
        names, _ = crypto_util.get_identifiers_from_x509(asked.subject, asked.extensions)
        wanted = [messages.Identifier(typ=messages.IDENTIFIER_FQDN, value=name) for name in names]
        with self._speaking():
            answer = self._post(self._client.directory["newOrder"], messages.NewOrder(identifiers=wanted))
            return str(answer.headers["Location"])

    def is_open(self, order: str) -> bool:
        """No, also where the authority does not know it (any more)."""
        with self._speaking():
            if urlsplit(order).netloc != urlsplit(self._client.directory["newOrder"]).netloc:
                return False  # of another authority
            try:
                return self._order(order).status != messages.STATUS_INVALID
            except errors.Error as error:  # which problems are, too; an answer need not have one
                if self._net.status == 404 or getattr(error, "code", "") in ("malformed", "unauthorized"):
                    return False
                raise

    def challenges(self, order: str, method: Method) -> tuple[Challenge, ...]:
        """One for each authorization that is still pending."""
        found = []
        with self._speaking():
            for authorization in self._pending(self._order(order)):
                body = _of_kind(authorization, method)
                key = self._net.key
                said = body.chall.key_authorization(key)
                text = challenges.DNS01(token=body.chall.token).validation(key)
                token = body.chall.encode("token")
                name = authorization.identifier.value
                found.append(Challenge(name=name, token=token, key_authorization=said, text=text))
        return tuple(found)

    def advance(self, order: str, request: bytes, method: Method, *, look: bool = True) -> str | None:
        """One look at the order, and one deed."""
        with self._speaking():
            found = self._order(order)
            if found.status == messages.STATUS_PENDING:
                for authorization in self._pending(found):
                    self._answer(_of_kind(authorization, method), look)
            elif found.status == messages.STATUS_READY:
                wanted = messages.CertificateRequest(csr=x509.load_pem_x509_csr(request))
                self._post(found.finalize, wanted)
            elif found.status == messages.STATUS_VALID and found.certificate:
                return str(self._post(found.certificate, None).text)
            elif found.status == messages.STATUS_INVALID:
                raise self._why(found)
        return None

    def renewal_window(self, chain: str) -> Window | None:
        """By a plain GET (RFC 9773 §4.1)."""
        with self._speaking():
            try:
                base = self._client.directory["renewalInfo"]
            except KeyError:
                return None
            answer = self._net.get(f"{base.rstrip('/')}/{certificate_id(chain)}")
            return window_of(answer.json(), self._net.retry_after)

    @cached_property
    def _client(self) -> ClientV2:
        return ClientV2(ClientV2.get_directory(self._url, self._net), self._net)

    def _post(self, url: str, what: Any) -> Any:
        """Signed for the account, which is made where there is none; without `what` it is a question."""
        if self._net.account is None:
            self._net.account = self._registered()
        try:
            return self._net.post(url, what, new_nonce_url=self._client.directory["newNonce"])
        except messages.Error as error:
            if error.code != "accountDoesNotExist":
                raise
        self._account.note("")  # the authority has forgotten us: an account with the same key
        self._net.account = None
        self._net.account = self._registered()
        return self._net.post(url, what, new_nonce_url=self._client.directory["newNonce"])

    def _registered(self) -> messages.RegistrationResource:
        if known := self._account.url():
            return messages.RegistrationResource(body=messages.Registration(), uri=known)
        wanted = messages.NewRegistration.from_data(email=self._email or None, terms_of_service_agreed=True)
        try:
            url = self._client.new_account(wanted).uri
        except errors.ConflictError as error:  # this key has one: its URL was not written down
            url = error.location
        self._account.note(url)
        return messages.RegistrationResource(body=messages.Registration(), uri=url)

    def _order(self, url: str) -> messages.Order:
        found: messages.Order = messages.Order.from_json(self._post(url, None).json())
        return found

    def _authorization(self, url: str) -> messages.Authorization:
        found: messages.Authorization = messages.Authorization.from_json(self._post(url, None).json())
        return found

    def _pending(self, order: messages.Order) -> Iterator[messages.Authorization]:
        for url in order.authorizations:
            found = self._authorization(url)
            if found.status == messages.STATUS_PENDING:
                yield found
            elif found.status != messages.STATUS_VALID:
                raise self._why(order)

    def _answer(self, body: messages.ChallengeBody, look: bool) -> None:
        """Let it be looked at; once it is, the authority goes on by itself."""
        if not look or body.status != messages.STATUS_PENDING:
            return
        try:
            self._post(body.uri, body.chall.response(self._net.key))
        except messages.Error as error:
            if error.code != "malformed":  # it has been looked at meanwhile: the next look says what was seen
                raise

    def _why(self, order: messages.Order) -> PlatformError:
        """Why an order came to nothing: what the authority said of a challenge, else of the order."""
        for url in order.authorizations:
            for body in self._authorization(url).challenges:
                if body.error is not None:
                    return problems.refusal(body.error)
        return problems.refusal(order.error or messages.Error.from_json(_OVER))

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Whatever the other side, or the way to it, has to say becomes an error of the platform."""
        try:
            yield
        except messages.Error as error:
            raise problems.refusal(error, self._net.retry_after) from error
        except OSError as error:  # which those of requests are
            raise problems.unreachable(self._url, error) from error
        except (errors.Error, DeserializationError, ValueError, KeyError, AttributeError) as error:
            raise problems.nonsense(self._url, error) from error


def _of_kind(authorization: messages.Authorization, method: Method) -> messages.ChallengeBody:
    for body in authorization.challenges:
        if isinstance(body.chall, _KINDS[method]):
            return body
    raise PermanentError(
        "acme_refused",
        f"The certificate authority offers no {method} for {authorization.identifier.value}.",
        "Delegate _acme-challenge to our zone, by which DNS-01 is answered: see flask domains show.",
    )
