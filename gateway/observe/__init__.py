"""What the machines and the people behind them see: log lines and numbers, never secrets."""
