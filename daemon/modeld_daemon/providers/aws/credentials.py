"""Credentials of AWS and signatures by them, by botocore.

Everything here may block: the adapters call it in a thread, and import it there, since botocore
takes a quarter of a second to import and only connections without a bearer token need it. Botocore
looks for credentials in the variables of its own process; here it is the caller's session whose
variables count, so the chain is put together link by link. Files are looked for in the home of the
user, whose daemon this is. https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.configprovider
import botocore.credentials
import botocore.exceptions
import botocore.session
import botocore.utils

from modeld.errors import (
    AuthenticationError,
    ModeldError,
    PrerequisiteError,
    ProviderUnavailable,
)

__all__ = ["Signer"]

_OfWebIdentity = botocore.credentials.AssumeRoleWithWebIdentityProvider
_SECONDS = 1.0
"""Patience with the service that tells a machine of Amazon's its role; elsewhere nobody answers."""


class Signer:
    """Signs requests as one principal. Safe to share by threads.

    Args:
        provider: Name of the provider, for errors.
        environment: Variables of the caller's session.
        profile: The profile that the caller names, if he does.
        region: The region that the caller names, if he does.
        service: The name by which requests to the service are signed.
        keys: Variables of the provider's own keys, for errors.
    """

    def __init__(
        self,
        provider: str,
        environment: Mapping[str, str],
        profile: str | None = None,
        region: str | None = None,
        service: str = "bedrock",
        keys: tuple[str, ...] = (),
    ) -> None:
        self._provider = provider
        self._service = service
        self._lock = threading.Lock()
        try:
            session = _session(environment, profile, region)
            self.region: str | None = session.get_config_variable("region")
            self._credentials = _chain(session, environment, profile, self.region)
        except botocore.exceptions.BotoCoreError as error:
            raise self._failure(error) from None
        if self._credentials is None:
            name = profile or session.get_config_variable("profile")
            where = f" (the profile {name!r} has none)" if name else ""
            raise PrerequisiteError(
                f"No AWS credentials for {provider}{where}: set AWS_ACCESS_KEY_ID and "
                f"AWS_SECRET_ACCESS_KEY, or {' or '.join(('AWS_PROFILE', *keys))}.",
                provider=provider,
            )

    def __repr__(self) -> str:
        return f"Signer({self._provider!r}, region={self.region!r})"

    @property
    def ready(self) -> bool:
        """Whether `sign` will not block: nothing must be renewed first."""
        needed = getattr(self._credentials, "refresh_needed", None)
        return needed is None or not needed()

    def sign(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        region: str,
        method: str = "POST",
    ) -> dict[str, str]:
        """All headers of a signed request: the given ones and those of the signature."""
        request = botocore.awsrequest.AWSRequest(method, url, dict(headers), body)
        with self._lock:
            try:
                frozen = self._credentials.get_frozen_credentials()
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                raise self._failure(error) from None
        botocore.auth.SigV4Auth(frozen, self._service, region).add_auth(request)
        return dict(request.headers.items())

    def _failure(self, error: Exception) -> ModeldError:
        text = f"The AWS credentials of {self._provider} cannot be used: {error}"
        network = (
            botocore.exceptions.HTTPClientError,
            botocore.exceptions.ConnectionError,
            botocore.exceptions.MetadataRetrievalError,
        )
        if isinstance(error, network):
            return ProviderUnavailable(text, provider=self._provider, phase="connect")
        refused = (
            botocore.exceptions.ClientError,
            botocore.exceptions.CredentialRetrievalError,
            botocore.exceptions.SSOError,
        )
        if isinstance(error, refused):
            return AuthenticationError(text, provider=self._provider)
        return PrerequisiteError(text, provider=self._provider)


def _session(
    environment: Mapping[str, str], profile: str | None, region: str | None
) -> botocore.session.Session:
    """A session whose variables are those of the caller's session."""
    session = botocore.session.Session(profile=profile)
    store = session.get_component("config_store")
    chains = botocore.configprovider.ConfigChainFactory(session, environ=dict(environment))
    variables = botocore.configprovider.BOTOCORE_DEFAUT_SESSION_VARIABLES
    for name, (of_file, of_environment, default, convert) in variables.items():
        if name == "region":  # AWS_REGION is what other SDKs read
            of_environment = ["AWS_REGION", "AWS_DEFAULT_REGION"]  # noqa: PLW2901
        chain = chains.create_config_chain(
            instance_name=name,
            env_var_names=of_environment,
            config_property_names=of_file,
            default=default,
            conversion_func=convert,
        )
        store.set_config_provider(name, chain)
    if region is not None:
        session.set_config_variable("region", region)
    if environment.get("SSL_CERT_FILE") and not environment.get("AWS_CA_BUNDLE"):
        session.set_config_variable("ca_bundle", environment["SSL_CERT_FILE"])
    session.set_default_client_config(
        botocore.config.Config(
            proxies=_proxies(environment),  # else it takes this process's own
            ignore_configured_endpoint_urls=True,
            retries={"max_attempts": 1},
        )
    )
    return session


def _proxies(environment: Mapping[str, str]) -> dict[str, str]:
    names = {"http": ("HTTP_PROXY", "http_proxy"), "https": ("HTTPS_PROXY", "https_proxy")}
    found = {
        scheme: next((environment[name] for name in both if environment.get(name)), None)
        for scheme, both in names.items()
    }
    return {scheme: url for scheme, url in found.items() if url}


def _chain(
    session: botocore.session.Session,
    environment: Mapping[str, str],
    profile: str | None,
    region: str | None,
) -> Any:
    """The first credentials of the standard chain; None where there are none."""
    creds: Any = botocore.credentials
    fetcher = botocore.utils.InstanceMetadataFetcher(
        timeout=_SECONDS, num_attempts=1, env=dict(environment), user_agent=session.user_agent()
    )
    of_variables = creds.EnvProvider(environ=environment)
    of_container = creds.ContainerProvider(environ=environment)
    of_machine = creds.InstanceMetadataProvider(iam_role_fetcher=fetcher)
    name = profile or session.get_config_variable("profile") or "default"
    cache: dict[str, Any] = {}
    client = _client_creator(session, environment, region)
    profiles = _Profiles(session, environment, client, cache, region)
    assumed = creds.AssumeRoleProvider(
        load_config=lambda: session.full_config,
        client_creator=client,
        cache=cache,
        profile_name=name,
        credential_sourcer=creds.CanonicalNameCredentialSourcer(
            [of_variables, of_container, of_machine]
        ),
        profile_provider_builder=profiles,
    )
    named = profile is not None  # a profile that the caller names wins over keys in variables
    providers = [
        *([] if named else [of_variables]),
        assumed,
        *profiles.providers(name, disable_env_vars=named),
        of_container,
        of_machine,
    ]
    return creds.CredentialResolver(providers=providers).load_credentials()


def _client_creator(
    session: botocore.session.Session, environment: Mapping[str, str], region: str | None
) -> Any:
    """Makes clients of the services that give credentials."""

    def create(service: str, **arguments: Any) -> Any:
        own = environment.get(f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}")
        arguments.setdefault("region_name", region or "us-east-1")
        arguments.setdefault("endpoint_url", own or environment.get("AWS_ENDPOINT_URL"))
        return session.create_client(service, **arguments)

    return create


class _Profiles(botocore.credentials.ProfileProviderBuilder):  # type: ignore[misc]  # untyped
    """Looks for web identities in the session's variables instead of this process's."""

    def __init__(
        self,
        session: botocore.session.Session,
        environment: Mapping[str, str],
        client: Any,
        cache: dict[str, Any],
        region: str | None,
    ) -> None:
        super().__init__(session, cache=cache, region_name=region)
        self._environment = environment
        self._client = client

    def _create_web_identity_provider(self, profile_name: str, disable_env_vars: bool) -> Any:
        return _WebIdentity(
            self._environment,
            load_config=lambda: self._session.full_config,
            client_creator=self._client,
            cache=self._cache,
            profile_name=profile_name,
            disable_env_vars=disable_env_vars,
        )

    def _create_process_provider(self, profile_name: str) -> Any:
        return _NoProcess(self._session, profile_name)


class _NoProcess(botocore.credentials.CredentialProvider):  # type: ignore[misc]  # untyped
    """Nobody tells the daemon what to run: a session could name a file that does."""

    METHOD = "custom-process"

    def __init__(self, session: botocore.session.Session, profile: str) -> None:
        self._own_session = session
        self._profile = profile
        super().__init__(session)

    def load(self) -> None:
        """Raises where the profile names a command; else there is nothing here."""
        profiles = self._own_session.full_config.get("profiles", {})
        if "credential_process" in profiles.get(self._profile, {}):
            raise botocore.exceptions.InvalidConfigError(
                error_msg=f"profile {self._profile!r} has a credential_process, and the daemon runs "
                "no commands for others: run it yourself and export the keys, for example with "
                "'aws configure export-credentials --format env'"
            )


class _WebIdentity(_OfWebIdentity):  # type: ignore[misc, valid-type]  # untyped
    def __init__(self, environment: Mapping[str, str], **arguments: Any) -> None:
        super().__init__(**arguments)
        self._environment = environment

    def _get_env_config(self, key: str) -> str | None:
        if self._disable_env_vars:
            return None
        return self._environment.get(self._CONFIG_TO_ENV_VAR.get(key) or "")
