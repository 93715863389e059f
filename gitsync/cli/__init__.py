"""The command line: flags to frozen options, a service call, and its result in words or JSON."""
