package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ticksPerSecond is USER_HZ, which Linux fixes at 100 for /proc.
const ticksPerSecond = 100

// cpu is processor time used so far by this process and by the database
// server's processes. The server's part is known only if it runs on this
// machine and this machine is Linux; it is zero otherwise.
type cpu struct{ client, server time.Duration }

func (c cpu) since(earlier cpu) cpu {
	return cpu{c.client - earlier.client, c.server - earlier.server}
}

// spending is the processor time of a number of operations.
type spending struct {
	cpu
	operations float64
}

func (s *spending) add(c cpu, operations float64) {
	s.client, s.server, s.operations = s.client+c.client, s.server+c.server, s.operations+operations
}

// perOperation renders what one operation costs.
func (s spending) perOperation() string {
	us := func(d time.Duration) float64 { return d.Seconds() * 1e6 / s.operations }
	return fmt.Sprintf("CPU µs/op server %.1f + client %.1f", us(s.server), us(s.client))
}

func measureCPU(ctx context.Context, pool *pgxpool.Pool) (cpu, error) {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return cpu{}, err
	}
	c := cpu{client: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
	rows, err := pool.Query(ctx, `SELECT pid FROM pg_stat_activity`)
	if err != nil {
		return c, err
	}
	defer rows.Close()
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return c, err
		}
		c.server += processCPU(pid)
	}
	return c, rows.Err()
}

func processCPU(pid int) time.Duration {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold spaces; utime and stime are the 12th and
	// 13th field after it (proc(5)).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	ticks := 0
	for _, f := range fields[11:13] {
		n, _ := strconv.Atoi(string(f))
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond
}
