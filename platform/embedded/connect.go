package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func dsn(socketDir, password, database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(roleName, password),
		Path:     "/" + database,
		RawQuery: url.Values{"host": {socketDir}, "port": {socketPort}}.Encode(),
	}
	return u.String()
}

const (
	probeTimeout = 5 * time.Second

	unknownDatabase = "3D000"
	badPassword     = "28P01"
	duplicate       = "42P04"
)

// probe reports whether the server accepts connections to the database, which
// it creates the first time. An error means that waiting longer is useless.
func probe(ctx context.Context, socketDir, password string) (ready bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn(socketDir, password, databaseName))
	if err == nil {
		return true, conn.Close(ctx)
	}
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false, nil
	}
	switch refused.Code {
	case unknownDatabase:
		return createDatabase(ctx, socketDir, password)
	case badPassword:
		return false, fmt.Errorf("the private PostgreSQL refuses the password in postgres.password of its data folder: %w", err)
	default:
		return false, nil
	}
}

func createDatabase(ctx context.Context, socketDir, password string) (bool, error) {
	conn, err := pgx.Connect(ctx, dsn(socketDir, password, "postgres"))
	if err != nil {
		return false, nil
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
	var refused *pgconn.PgError
	if err != nil && !(errors.As(err, &refused) && refused.Code == duplicate) {
		return false, fmt.Errorf("create database %s: %w", databaseName, err)
	}
	return true, nil
}
