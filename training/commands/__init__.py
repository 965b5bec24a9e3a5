"""One file a subcommand: `add(subparsers)` declares it, `run(args)` does it."""
