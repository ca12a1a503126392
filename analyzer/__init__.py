"""First floor: facts become an incident, an incident becomes findings."""
