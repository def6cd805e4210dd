"""How well outcome was predicted: measures that know of censoring, each with a patient-clustered interval."""
