"""Settings are read whole or refused whole, each fault in a line that names its variable."""

import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from settings import Settings, SettingsInvalid, read_settings

SECRET = "0123456789abcdef0123456789abcdef"
PRODUCTION = {
    "LOYALTY_MODE": "production",
    "LOYALTY_JWT_SECRET": SECRET,
    "LOYALTY_JWT_ISSUER": "https://shop.example",
    "LOYALTY_JWT_AUDIENCE": "loyalty",
}
KEY_SET = "https://id.example/keys"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def faults(**environ: str) -> tuple[str, ...]:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings({f"LOYALTY_{name}": value for name, value in environ.items()})
    return caught.value.faults


def test_an_empty_environment_describes_the_embedded_development_service() -> None:
    settings = read_settings({})
    assert settings.database_url == "sqlite:///.data/loyalty.db"
    assert settings.mode == "development"
    assert settings.clock is None
    assert settings.jwt_algorithms == ("HS256",)
    assert settings.cors_origins == ()
    assert (settings.request_deadline_seconds, settings.bulk_deadline_seconds) == (5, 30)
    assert (settings.customer_body_bytes, settings.key_body_bytes) == (256 * 1024, 2 * 1024**2)


def test_a_variable_set_to_nothing_is_not_set() -> None:
    settings = read_settings({"LOYALTY_CLOCK": "", "LOYALTY_MODE": ""})
    assert (settings.clock, settings.mode) == (None, "development")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("MODE", "production", "prod"),
        ("CLOCK", "2026-01-31T09:00:00+09:00", "2026-01-31T09:00:00"),
        ("CLOCK", "2026-01-31T09:00:00.25Z", "2026-02-31T09:00:00Z"),
        ("CLOCK", "1970-01-01T00:00:00Z", "9001-01-01T00:00:00Z"),
        ("CLOCK", "2026-01-31t09:00:00z", "2026-W05-6T09:00:00Z"),
        ("DATABASE_URL", "sqlite:///shop/loyalty.db", "sqlite:///:memory:"),
        ("DATABASE_URL", "postgresql://u@/db?host=/run", "mysql://u@h/db"),
        ("DATABASE_URL", "postgresql://u:p@h:5432/db", "postgresql://u:p@h:port/db"),
        ("DATABASE_URL", "postgresql://h/db", "postgresql+asyncpg://h/db"),
        ("DATABASE_POOLER", "none", "session"),
        ("POOL_SIZE", "1", "0"),
        ("POOL_SIZE", "1000", "+5"),
        ("ACQUIRE_TIMEOUT_SECONDS", "0.5", "0"),
        ("STATEMENT_TIMEOUT_SECONDS", "3", "1e1"),
        ("LOCK_TIMEOUT_SECONDS", "60", "61"),
        ("IDLE_IN_TRANSACTION_SECONDS", "10", "nan"),
        ("REQUEST_DEADLINE_SECONDS", "2.5", "-1"),
        ("BULK_DEADLINE_SECONDS", "60", "inf"),
        ("CARD_QUEUE", "32", "0"),
        ("IN_FLIGHT", "64", "1.5"),
        ("CUSTOMER_BODY_BYTES", "1024", "1023"),
        ("KEY_BODY_BYTES", "4096", "4k"),
        ("CORS_ORIGINS", "https://a.example, http://localhost:3000", "*"),
        ("CORS_ORIGINS", "https://A.example", "https://a.example/"),
        ("CORS_ORIGINS", "https://[::1]:8443", "https://*.a.example"),
        ("CORS_ORIGINS", "https://a.example,https://a.example", "a.example"),
        ("JWT_JWKS_URL", KEY_SET, "file:///etc/passwd"),
        ("DOCUMENTS", "trusted", "all"),
        ("RATE_LIMIT", "0", "-1"),
        ("CUSTOMER_FAILED_LOOKUPS", "30", "many"),
        ("KEY_FAILED_LOOKUPS", "600", "1.5"),
        ("LOG_FORMAT", "json", "xml"),
        ("LOG_LEVEL", "warning", "WARNING"),
        ("LOG_CARD_FORMATS", "LC-#####,TG-####-**@", "LC"),
    ],
)
def test_each_setting_has_bounds(name: str, good: str, bad: str) -> None:
    read_settings({**(PRODUCTION if good == "production" else {}), f"LOYALTY_{name}": good})
    (fault,) = faults(**{name: bad})
    assert fault.startswith(f"LOYALTY_{name} ")


def test_all_faults_are_told_at_once() -> None:
    told = faults(MODE="production", CLOCK="2026-01-01T00:00:00Z", POOL_SIZE="many", IN_FLIGHT="0")
    assert [line.split()[0] for line in told] == [
        "LOYALTY_POOL_SIZE",
        "LOYALTY_IN_FLIGHT",
        "LOYALTY_CLOCK",
        "LOYALTY_JWT_SECRET",
        "LOYALTY_JWT_ISSUER",
        "LOYALTY_JWT_AUDIENCE",
    ]


def test_rates_are_limited_in_production_unless_it_is_said_otherwise() -> None:
    def rates(environ: dict[str, str]) -> tuple[int, int, int]:
        settings = read_settings(environ)
        failed = settings.customer_failed_lookups, settings.key_failed_lookups
        return settings.rate_limit, *failed

    assert rates({}) == (0, 0, 0)
    assert rates(PRODUCTION) == (60_000, 30, 600)
    assert rates({**PRODUCTION, "LOYALTY_RATE_LIMIT": "0"}) == (0, 30, 600)


def test_lists_keep_their_order_and_lose_repetitions() -> None:
    settings = read_settings(
        {"LOYALTY_CORS_ORIGINS": "https://B.example,http://a,https://b.example"}
    )
    assert settings.cors_origins == ("https://b.example", "http://a")


def test_production_has_a_long_secret_or_a_key_set() -> None:
    assert read_settings(PRODUCTION).log_format == "json"
    with pytest.raises(SettingsInvalid, match="at least 32 bytes"):
        read_settings({**PRODUCTION, "LOYALTY_JWT_SECRET": SECRET[1:]})
    settings = read_settings(
        {**PRODUCTION, "LOYALTY_JWT_SECRET": "", "LOYALTY_JWT_JWKS_URL": KEY_SET}
    )
    assert (settings.jwt_secret, settings.jwt_algorithms) == (None, ("RS256", "ES256"))
    assert not Path(".data").exists()


@pytest.mark.parametrize("algorithms", ["none", "HS256,none", "hs256", "HS256,,", "EdDSA"])
def test_only_known_algorithms_are_allowed(algorithms: str) -> None:
    (fault,) = faults(JWT_ALGORITHMS=algorithms, JWT_SECRET=SECRET)
    assert fault.startswith("LOYALTY_JWT_ALGORITHMS ")


def test_a_secret_and_a_key_set_never_mix() -> None:
    assert len(faults(JWT_SECRET=SECRET, JWT_JWKS_URL=KEY_SET)) == 1
    assert len(faults(JWT_ALGORITHMS="RS256,HS256", JWT_JWKS_URL=KEY_SET)) == 1
    assert len(faults(JWT_ALGORITHMS="RS256", JWT_SECRET=SECRET)) == 1
    assert len(faults(JWT_SECRET="-----BEGIN PUBLIC KEY-----\nMFkw")) == 1


def test_a_pooler_stands_before_postgresql_only() -> None:
    assert len(faults(DATABASE_POOLER="transaction")) == 1
    environ = {
        "LOYALTY_DATABASE_POOLER": "transaction",
        "LOYALTY_DATABASE_URL": "postgresql://u@h/db",
    }
    assert read_settings(environ).is_pooled


def test_settings_show_no_secrets() -> None:
    environ = {**PRODUCTION, "LOYALTY_DATABASE_URL": "postgresql://u:swordfish@h/db"}
    shown = repr(read_settings(environ))
    assert SECRET not in shown
    assert "swordfish" not in shown
    assert "swordfish" not in " ".join(faults(DATABASE_URL="postgresql://u:swordfish@[h/db"))


def test_development_makes_a_secret_once_for_its_owner_alone(tmp_path: Path) -> None:
    environ = {"LOYALTY_DATABASE_URL": f"sqlite:///{tmp_path}/deep/er/loyalty.db"}
    first = read_settings(environ)
    assert first.jwt_secret
    assert first.data_directory == tmp_path / "deep" / "er"
    (file,) = first.data_directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_settings(environ).jwt_secret == first.jwt_secret


def test_starts_at_the_same_moment_agree_on_the_secret(tmp_path: Path) -> None:
    environ = {"LOYALTY_DATABASE_URL": f"sqlite:///{tmp_path}/new/loyalty.db"}
    together = threading.Barrier(8)

    def start(_number: int) -> str | None:
        together.wait()
        return read_settings(environ).jwt_secret

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(start, range(8)))) == 1
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["jwt-secret"]


def test_a_damaged_secret_is_not_used(tmp_path: Path) -> None:
    (tmp_path / ".data").mkdir()
    (tmp_path / ".data" / "jwt-secret").write_text("short\n")
    assert "delete it" in faults()[0]


def test_a_directory_that_takes_no_secret_is_told(tmp_path: Path) -> None:
    (tmp_path / ".data").write_text("a file")
    assert faults()[0].startswith("LOYALTY_JWT_SECRET is not set, and ")


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Settings().mode = "production"  # type: ignore[misc]
