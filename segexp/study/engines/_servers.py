"""What workers on other hosts need: databases that they can reach."""

from typing import TYPE_CHECKING

from segexp.core.credentials import without_credentials
from segexp.core.errors import InputError

if TYPE_CHECKING:
    from segexp.core.config import Config


def refuse_files(engine: str, config: "Config | None") -> None:
    """Refuse databases that are files: another host does not have them.

    Raises:
        InputError: With what to name in their place.
    """
    if config is None:
        return
    faults: list[str] = []
    storage, uri = config.storage, config.tracking.uri
    if storage is None or storage.startswith(("sqlite", "journal:")):
        faults.append(
            f"storage: {_shown(storage, 'studies/optuna.db')}: a file, which workers of the engine "
            f"{engine!r} do not have; name a server: --storage postgresql://USER@HOST/NAME"
        )
    if uri is None or not uri.startswith(("http://", "https://")):
        faults.append(
            f"tracking.uri: {_shown(uri, 'mlflow.db')}: a file, which workers of the engine "
            f"{engine!r} do not have; name a server: --set tracking.uri=http://HOST:PORT, as "
            "`mlflow server` starts one"
        )
    if faults:
        raise InputError(faults)


def _shown(url: str | None, default: str) -> str:
    return default if url is None else without_credentials(url)
