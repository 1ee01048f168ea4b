//! A small client of the EC2 API, for Daemun's own commands.
