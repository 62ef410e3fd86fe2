package migrate

// OpenFS opens migrations other than the binary's own.
var OpenFS = open
