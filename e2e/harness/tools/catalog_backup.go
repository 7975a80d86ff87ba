package tools

// What is proved with the injected environment: backup tools that are written in Go.

// Restic keeps deduplicated snapshots. It knows its version itself.
func Restic() Tool {
	return Tool{
		Name: "restic", Module: "github.com/restic/restic",
		Packages: []string{"github.com/restic/restic/cmd/restic"}, LDFlags: "-s -w", Static: true,
	}
}

// Rclone copies files to any store.
func Rclone() Tool {
	return Tool{
		Name: "rclone", Module: "github.com/rclone/rclone",
		Packages: []string{"github.com/rclone/rclone"},
		LDFlags:  "-s -w -X github.com/rclone/rclone/fs.Version=VERSION", Static: true,
	}
}

// Kopia keeps deduplicated snapshots. Its web page is left out.
func Kopia() Tool {
	return Tool{
		Name: "kopia", Module: "github.com/kopia/kopia",
		Packages: []string{"github.com/kopia/kopia"}, Tags: []string{"nohtmlui"},
		LDFlags: "-s -w -X github.com/kopia/kopia/repo.BuildVersion=VERSION", Static: true,
	}
}

// Litestream replicates SQLite databases.
func Litestream() Tool {
	return Tool{
		Name: "litestream", Module: "github.com/benbjohnson/litestream",
		Packages: []string{"github.com/benbjohnson/litestream/cmd/litestream"},
		LDFlags:  "-s -w -X main.Version=VERSION", Static: true,
	}
}

// SQLite is the database that litestream replicates, as a program that runs statements.
func SQLite() Tool {
	return Tool{Name: "sqlite", Module: "modernc.org/sqlite", Packages: []string{"."}, LDFlags: "-s -w", Static: true}
}

// S5cmd copies objects with aws-sdk-go v1.
func S5cmd() Tool {
	return Tool{
		Name: "s5cmd", Module: "github.com/peak/s5cmd/v2",
		Packages: []string{"github.com/peak/s5cmd/v2"},
		LDFlags:  "-s -w -X github.com/peak/s5cmd/v2/version.Version=VERSION", Static: true,
	}
}

// MinIOClient is mc. Its releases are no module versions.
func MinIOClient() Tool {
	return Tool{
		Name: "mc", Module: "github.com/minio/mc",
		Packages: []string{"github.com/minio/mc"},
		LDFlags:  "-s -w -X github.com/minio/mc/cmd.ReleaseTag=VERSION", Static: true,
	}
}

// ForBackup lists the tools of the image in which the injected environment is proved.
func ForBackup() []Tool {
	return []Tool{Restic(), Rclone(), Kopia(), Litestream(), SQLite(), S5cmd(), MinIOClient()}
}
