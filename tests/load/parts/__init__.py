"""What is measured, one file each: `measure` yields lines of the table."""
