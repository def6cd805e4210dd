"""The flows: Prefect lives here and nowhere else. Each file is one short story; `steps` is what they share."""

from radloop.settings import load_settings, prepare_orchestration

prepare_orchestration(load_settings())
