package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"tansu.cloud/platform/child"
)

// account is whom PostgreSQL runs as when this process is root, which
// PostgreSQL refuses. A nil account means: as this process.
type account struct{ uid, gid uint32 }

// chooseAccount: the owner of an existing folder, else postgres, else nobody.
func chooseAccount(l layout) (*account, error) {
	info, err := os.Stat(l.owned)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err == nil {
		owner, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil, fmt.Errorf("data folder: the owner of %s cannot be read", l.owned)
		}
		if uid := os.Geteuid(); uid != 0 && owner.Uid != uint32(uid) {
			return nil, fmt.Errorf("%s belongs to user id %d and tansu runs as %d; start it as the user that created the data folder, or choose another with --data-dir or TANSU_DATA_DIR", l.owned, owner.Uid, uid)
		}
		if os.Geteuid() == 0 && owner.Uid != 0 {
			return &account{owner.Uid, owner.Gid}, nil
		}
	}
	if os.Geteuid() != 0 {
		return nil, nil
	}
	found, err := child.Ordinary("postgres", "nobody")
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL does not run as root, and there is no user for it: %w; create one, or start tansu as an ordinary user", err)
	}
	return &account{found.Uid, found.Gid}, nil
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	if err := os.Lchown(path, int(a.uid), int(a.gid)); err != nil {
		return fmt.Errorf("give %s to the user that PostgreSQL runs as: %w", path, err)
	}
	return nil
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}
