"""Copies of a whole database: backup files, and copies into an empty database of either engine.

``snapshot`` reads one moment of a database, ``backup_file`` stores it in a portable file, ``sqlite_target``
and ``mysql_target`` fill an empty database, and ``transfer`` combines them. A copy holds every table but the
search index, which a server builds again, and the state of running server processes.
"""
