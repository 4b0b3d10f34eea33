"""What the surroundings may set: where the home lies and which database it uses."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

from ledger.home import Home


class Settings(BaseSettings):
    """`SOVANG_HOME` (default `./data`) and `SOVANG_DATABASE_URL` (default the home's own SQLite file)."""

    model_config = SettingsConfigDict(env_prefix="SOVANG_")

    home: Path = Path("data")
    database_url: str | None = None

    def open_home(self) -> Home:
        """The home these settings name; nothing is opened yet."""
        return Home(self.home, database_url=self.database_url or None)
