//go:build unix && !linux

package child

import (
	"os/exec"
	"syscall"
)

// Confine gives cmd a process group and the user that it runs as (nil: as this
// process). There is no signal for the end of this process here.
func Confine(cmd *exec.Cmd, as *syscall.Credential, _ syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as}
}
