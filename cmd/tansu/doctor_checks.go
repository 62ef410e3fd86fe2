package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/shirou/gopsutil/v4/disk"

	"tansu.cloud/platform/config"
	"tansu.cloud/platform/migrate"
	"tansu.cloud/sql/db"
)

const (
	examineTimeout = 30 * time.Second

	oldestPostgres   = 15
	minFreeDisk      = 1 << 30
	lowFreeDisk      = 5 << 30
	clockDrift       = time.Second
	badClockDrift    = 30 * time.Second
	busyConnections  = 0.8
	fullConnections  = 0.95
	lagToWorryAbout  = 10_000 // events
	oldTransaction   = 5 * time.Minute
	stuckTransaction = time.Hour
)

// examine runs all checks. What cannot be checked is a failed check.
func examine(ctx context.Context, cfg config.Config) []finding {
	ctx, cancel := context.WithTimeout(ctx, examineTimeout)
	defer cancel()
	findings := []finding{
		{Check: "tansu", Status: statusOK, Detail: fmt.Sprintf("version %s, %s, %s/%s", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)},
		checkDisk(ctx, cfg.DataDir),
	}
	findings = append(findings, checkCertificates(ctx, cfg.HTTP)...)
	dsn, err := directDSN(cfg)
	if err != nil {
		return append(findings, finding{"database", statusFail, err.Error(), "start tansu dev, or set TANSU_POSTGRES_DSN"})
	}
	parsed, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return append(findings, finding{"database", statusFail, "the connection string is not valid", "correct TANSU_POSTGRES_DSN"})
	}
	conn, err := pgx.ConnectConfig(ctx, parsed.ConnConfig)
	if err != nil {
		return append(findings, finding{"database", statusFail, err.Error(), "start the server, or correct TANSU_POSTGRES_DSN"})
	}
	defer conn.Close(context.WithoutCancel(ctx))
	findings = append(findings, checkServer(ctx, conn, cfg)...)
	schema := checkSchema(ctx, dsn)
	findings = append(findings, schema)
	if schema.Status == statusOK {
		findings = append(findings, checkProjections(ctx, conn)...)
	}
	return append(findings, checkTransactions(ctx, conn))
}

// unknown is the finding of a check that could not be made.
func unknown(check string, err error) finding {
	return finding{check, statusFail, err.Error(), "make sure that the database answers and that its user may read the statistics views"}
}

func checkDisk(ctx context.Context, dataDir string) finding {
	folder := dataDir
	for { // the folder itself may be yet to come
		if _, err := os.Stat(folder); !errors.Is(err, os.ErrNotExist) || folder == filepath.Dir(folder) {
			break
		}
		folder = filepath.Dir(folder)
	}
	usage, err := disk.UsageWithContext(ctx, folder)
	if err != nil {
		return finding{"disk", statusFail, fmt.Sprintf("data folder %s: %v", dataDir, err), "make the folder readable, or choose another with TANSU_DATA_DIR"}
	}
	f := finding{Check: "disk", Status: statusOK, Detail: fmt.Sprintf("%.1f GiB free for %s", float64(usage.Free)/(1<<30), dataDir)}
	switch {
	case usage.Free < minFreeDisk:
		f.Status = statusFail
	case usage.Free < lowFreeDisk:
		f.Status = statusWarn
	}
	if f.Status != statusOK {
		f.Fix = "free or add space; a full disk stops all writes"
	}
	return f
}

func checkServer(ctx context.Context, conn *pgx.Conn, cfg config.Config) []finding {
	asked := time.Now()
	state, err := db.New(conn).ServerState(ctx)
	if err != nil {
		return []finding{unknown("server", err)}
	}
	answered := time.Now()
	findings := []finding{
		checkServerVersion(state),
		checkDurability(state),
		checkClock(state.Clock, asked, answered),
		checkConnections(state, cfg.Postgres.MaxConns),
	}
	if state.DataChecksums != "on" {
		findings = append(findings, finding{"checksums", statusWarn, "data_checksums is off: damage on the disk goes unnoticed", "stop the server and run pg_checksums --enable"})
	}
	return findings
}

func checkServerVersion(state db.ServerStateRow) finding {
	f := finding{Check: "server", Status: statusOK, Detail: "PostgreSQL " + state.Version}
	if state.VersionNum < oldestPostgres*10_000 {
		f.Status, f.Fix = statusFail, fmt.Sprintf("upgrade to PostgreSQL %d or newer", oldestPostgres)
	}
	return f
}

func checkDurability(state db.ServerStateRow) finding {
	f := finding{Check: "durability", Status: statusOK,
		Detail: fmt.Sprintf("fsync %s, full_page_writes %s, synchronous_commit %s", state.Fsync, state.FullPageWrites, state.SynchronousCommit)}
	switch {
	case state.Fsync != "on" || state.FullPageWrites != "on":
		f.Status, f.Fix = statusFail, "turn fsync and full_page_writes on: without them a power failure destroys the database"
	case state.SynchronousCommit == "off":
		f.Status, f.Fix = statusFail, "set synchronous_commit to on: without it acknowledged events are lost in a crash"
	case state.SynchronousCommit == "local":
		f.Status, f.Fix = statusWarn, "set synchronous_commit to on if standby servers shall hold every acknowledged event"
	}
	return f
}

// checkClock compares the server's clock with the middle of the round trip.
func checkClock(server, asked, answered time.Time) finding {
	trip := answered.Sub(asked)
	drift := server.Sub(asked.Add(trip/2)).Abs() - trip/2
	if drift < 0 {
		drift = 0
	}
	f := finding{Check: "clock", Status: statusOK, Detail: fmt.Sprintf("differs from the database server's by %s", drift.Round(time.Millisecond))}
	switch {
	case drift > badClockDrift:
		f.Status = statusFail
	case drift > clockDrift:
		f.Status = statusWarn
	}
	if f.Status != statusOK {
		f.Fix = "synchronize both machines by NTP; times of events and leases depend on them"
	}
	return f
}

func checkConnections(state db.ServerStateRow, poolSize int) finding {
	usable := state.MaxConnections - state.ReservedConnections
	share := float64(state.Connections) / float64(max(usable, 1))
	f := finding{Check: "connections", Status: statusOK, Detail: fmt.Sprintf("%d of %d in use", state.Connections, usable)}
	switch {
	case share >= fullConnections:
		f.Status, f.Fix = statusFail, "raise max_connections, lower postgres.max_conns of the nodes, or put a pooler in front"
	case share >= busyConnections:
		f.Status, f.Fix = statusWarn, "raise max_connections, lower postgres.max_conns of the nodes, or put a pooler in front"
	case poolSize > int(usable):
		f.Status = statusWarn
		f.Fix = fmt.Sprintf("postgres.max_conns is %d, more than the server has; lower it or raise max_connections", poolSize)
	}
	return f
}

func checkSchema(ctx context.Context, dsn string) finding {
	m, err := migrate.Open(dsn)
	if err != nil {
		return unknown("schema", err)
	}
	defer m.Close()
	pending, err := m.Plan(ctx)
	var newer *migrate.NewerError
	switch {
	case errors.As(err, &newer):
		return finding{"schema", statusFail, err.Error(), "run the newer tansu"}
	case err != nil:
		return unknown("schema", err)
	case len(pending) > 0:
		return finding{"schema", statusFail, fmt.Sprintf("%d migrations are missing, from %s on", len(pending), pending[0].Name), "run tansu migrate"}
	}
	return finding{Check: "schema", Status: statusOK, Detail: fmt.Sprintf("version %d, as this binary expects", m.Expected())}
}

func checkProjections(ctx context.Context, conn *pgx.Conn) []finding {
	rows, err := db.New(conn).ServingLag(ctx)
	if err != nil {
		return []finding{unknown("projections", err)}
	}
	findings := []finding{}
	for _, row := range rows {
		f := finding{Check: "projection " + row.Projection, Status: statusOK, Detail: fmt.Sprintf("%d events behind, %d parked streams", row.Events, row.Parked)}
		switch {
		case row.Parked > 0:
			f.Status, f.Fix = statusWarn, "see tansu dead-letters list; fix the cause and re-drive"
		case row.Events > lagToWorryAbout:
			f.Status, f.Fix = statusWarn, "see tansu projections list; is a node running, and is the projection paused?"
		}
		findings = append(findings, f)
	}
	return findings
}

func checkTransactions(ctx context.Context, conn *pgx.Conn) finding {
	rows, err := db.New(conn).OldTransactions(ctx, pgtype.Interval{Microseconds: oldTransaction.Microseconds(), Valid: true})
	if err != nil {
		return unknown("transactions", err)
	}
	if len(rows) == 0 {
		return finding{Check: "transactions", Status: statusOK, Detail: fmt.Sprintf("none is older than %s", oldTransaction)}
	}
	oldest := rows[0]
	age := time.Duration(oldest.Seconds * float64(time.Second)).Round(time.Second)
	f := finding{
		Check: "transactions", Status: statusWarn,
		Detail: fmt.Sprintf("%d old ones; the oldest is open for %s: process %d, %s, database %q, application %q", len(rows), age, oldest.Pid, oldest.State, oldest.Database, oldest.Application),
		Fix:    fmt.Sprintf("end it: SELECT pg_terminate_backend(%d); it keeps dead rows from being cleaned up, which slows every append", oldest.Pid),
	}
	if age > stuckTransaction {
		f.Status = statusFail
	}
	return f
}
