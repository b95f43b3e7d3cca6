"""The probe: connections at a steady rate, and what became of each."""
