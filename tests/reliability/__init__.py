"""Proofs that the index loses nothing: real kills, full disks, failing disks, power cuts and other people's files.

``python -m tests.reliability TOPIC`` runs one at full length; small seeded variants are ordinary tests.
"""
