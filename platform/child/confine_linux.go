package child

import (
	"os/exec"
	"syscall"
)

// Confine gives cmd a process group, the user that it runs as (nil: as this
// process) and the signal that it gets when this process ends.
func Confine(cmd *exec.Cmd, as *syscall.Credential, last syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as, Pdeathsig: last}
}
