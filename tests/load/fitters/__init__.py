"""Services that fit eight schools, one file each: a process, and how it is asked."""
