package teststores

import (
	"os"
	"path/filepath"
	"testing"

	"lighterman.dev/lighterman/e2e/harness/tools"
)

// SeaweedFSEnv asks for the tests with SeaweedFS, whose build takes seven minutes of CPU.
const SeaweedFSEnv = "LIGHTERMAN_E2E_SEAWEEDFS"

// SeaweedFS starts a store of its own kind that speaks S3: master, volume server, filer and gateway in one process. Without
// SeaweedFSEnv the test is skipped, whatever else is required: nothing builds it unasked. iam is the configuration of its token
// service, its issuers, roles and policies; empty: it has none.
func SeaweedFS(tb testing.TB, iam string) *S3 {
	tb.Helper()
	if os.Getenv(SeaweedFSEnv) != "true" {
		tb.Skipf("ON REQUEST ONLY: SeaweedFS was not run. %s=true runs it, and so does make test-seaweedfs; the first time it is built, in seven minutes of CPU", SeaweedFSEnv)
	}
	b, err := tools.NewBuilder(tb.Output())
	if err != nil {
		tb.Fatal(err)
	}
	program, err := b.Build(tb.Context(), tools.SeaweedFS())
	if err != nil {
		tb.Fatal(err)
	}
	data, configs := dirs(tb, "/dev/shm", "data")[0], tb.TempDir()
	identities := writeConfig(tb, configs, "identities.json", `{"identities": [{"name": "admin", "actions": ["Admin", "Read", "Write", "List", "Tagging"], `+
		`"credentials": [{"accessKey": "`+AccessKey+`", "secretKey": "`+SecretKey+`"}]}]}`)
	s := &S3{Address: freeAddress(tb), program: filepath.Join(program, "seaweedfs")}
	s.Endpoint = "http://" + s.Address
	_, port := split(tb, s.Address)
	args := []string{
		"-logtostderr", "server", "-dir=" + data, "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", "-s3.port=" + port,
		"-s3.config=" + identities, "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=64",
		"-volume.max=20",
	}
	if iam != "" {
		args = append(args, "-s3.iam.config="+writeConfig(tb, configs, "iam.json", iam))
	}
	for _, name := range []string{"master.port", "volume.port", "filer.port", "s3.port"} {
		if name != "s3.port" {
			args = append(args, "-"+name+"="+freePort(tb))
		}
		args = append(args, "-"+name+".grpc="+freePort(tb))
	}
	s.Process = process{name: s.program, address: s.Address, args: args}.start(tb)
	return s
}

func writeConfig(tb testing.TB, dir, name, text string) string {
	tb.Helper()
	file := filepath.Join(dir, name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return file
}

// freePort returns a port on loopback that is not in use.
func freePort(tb testing.TB) string {
	tb.Helper()
	_, port := split(tb, freeAddress(tb))
	return port
}
