// Package embedded runs a private PostgreSQL inside a data folder, for
// `tansu dev` and for tests: nothing to install, nothing to configure, no port.
// What stands above it only sees a DSN, the same as with any other server.
//
// The data folder:
//
//	tansu.lock         held by the process that uses the folder; contains its pid
//	postgres.log       what the server prints
//	postgres.password  of the role tansu, mode 0600
//	postgres/          belongs to the account that PostgreSQL runs as
//	    data/          the cluster
//	    run/           the unix socket
//
// No process stays behind. An orderly end stops the server. If this process is
// killed, the kernel of Linux sends the server its signal for a fast shutdown;
// elsewhere, or if that failed, the next start on the folder finds the server
// by its working folder and stops it before it starts its own.
package embedded
