"""A second app is one row: another method, another credential, two fields, a guide without drawings."""

from pathlib import Path

from app import create_app
from app.config import Settings
from app.connectors import APPS
from app.connectors.rows import App, Field, Guide, Step
from app.sandbox import SandboxTransport, create_sandbox, prepare_database
from tests.conftest import Clock, new_client
from tests.pages import read_page

KEY = Field("api_key", "API key", kind="secret", wire=("credentials", "apiKey"), missing="Enter the key.")
SHELF = Field("shelf", "Shelf", wire=("credentials", "shelf"), missing="Enter a shelf.", shown=True)
STEP = Step("Copy the key", "It is in the settings.", "In the settings")
ACME = App(
    slug="acme",
    name="Acme",
    method="api-key",
    fields=(SHELF, KEY),
    summary="Reads your shelves.",
    invitation="Connect Acme to fill its shelves.",
    guide=Guide(
        lede="One step.",
        steps_title="One step in Acme",
        steps=(STEP,),
        page="https://acme.example/keys",
        page_name="Acme’s keys",
    ),
)


def test_it_is_chosen_explained_filled_in_refused_created_and_listed(tmp_path: Path, clock: Clock) -> None:
    apps, data = (*APPS, ACME), tmp_path / "sandbox.sqlite"
    prepare_database(data)
    transport = SandboxTransport(create_sandbox(data, clock=clock, apps=apps))
    client = new_client(
        create_app(Settings.load({}, None), data=data, transport=transport, clock=clock, apps=apps)
    )
    token = client.page(client.page("/connections/new").links()["Acme Connection"])
    form = client.page(token.links()["I have my token"])
    typed = {**form.hidden_fields(), "name": "books", "shelf": "B2"}
    refused = read_page(client.post("/connections/new/acme", data=typed).text)
    made = client.post("/connections/new/acme", data={**typed, "api_key": "made-up-key"})
    created = client.page(made.location)
    assert (token.heading, form.heading) == ("Create an Acme API key", "Create an Acme connection")
    assert refused.summary == [("#api_key", "Enter the key.")]
    assert refused.field("shelf") == "B2"
    assert (created.heading, created.text_of("connection-shelf")) == ("books is connected", "B2")
    assert "books" in client.page("/connections").links()
    assert '"apiKey": "$ACME_API_KEY"' in created.text_of("as-curl")
