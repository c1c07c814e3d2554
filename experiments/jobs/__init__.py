"""Jobs: a locked folder with a status, requests and a process."""
