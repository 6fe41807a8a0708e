"""What can be asked of a service, each method once; clients only carry it."""
