"""Click commands, one module each: flags become frozen options, options go to ``run``."""
