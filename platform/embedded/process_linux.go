package embedded

import (
	"fmt"
	"os"
	"os/exec"
)

// reach returns the name by which cmd opens dir, and a function to call once
// cmd has started. When root is dropped, the account may not be allowed to pass
// the folders above dir (a home, a temporary folder of mode 0700), so the child
// inherits dir as an open descriptor and reaches it through that.
func reach(cmd *exec.Cmd, a *account, dir string) (name string, release func(), err error) {
	if a == nil {
		return dir, func() {}, nil
	}
	file, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return fmt.Sprintf("/proc/self/fd/%d", 2+len(cmd.ExtraFiles)), func() { _ = file.Close() }, nil
}
