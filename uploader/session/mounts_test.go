package session

import (
	"strings"
	"testing"
)

// TestWritableMounts reads what the kernel writes for a pod's container (Linux 6.12, containerd 2.1), with the rows that matter.
func TestWritableMounts(t *testing.T) {
	const mountinfo = `1001 900 0:210 / / rw,relatime - overlay overlay rw,lowerdir=/x
1002 1001 0:213 / /proc rw,nosuid - proc proc rw
1003 1001 0:214 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k
1004 1003 0:215 / /dev/pts rw,nosuid - devpts devpts rw
1005 1001 0:216 / /sys ro,nosuid - sysfs sysfs ro
1006 1001 8:1 /var/lib/kubelet/pods/u/etc-hosts /etc/hosts rw,relatime - ext4 /dev/sda1 rw
1007 1001 8:1 /var/lib/kubelet/pods/u/volumes/e /backup rw,relatime - ext4 /dev/sda1 rw
1008 1001 0:217 / /else\040where rw,relatime shared:5 - ext4 /dev/sdb rw
1009 1001 0:218 / /config ro,relatime - tmpfs tmpfs rw
1010 1001 0:219 / /run/secrets/kubernetes.io/serviceaccount ro,relatime - tmpfs tmpfs rw
1011 1001 8:1 /x /backups rw,relatime - xfs /dev/sda1 rw
1012 1001 8:1 /l /lighterman ro,relatime - ext4 /dev/sda1 rw
a line that is none
`
	got := writableMounts(strings.NewReader(mountinfo), []string{"/backup", "/lighterman"})
	text := describeMounts(got, "/backup")
	const want = "the container's other writable volumes are /else where (ext4), /backups (xfs): if the command writes there, or to its " +
		"standard output, write to /backup instead"
	if text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if text := describeMounts(nil, "/backup"); !strings.Contains(text, "no other writable volume") {
		t.Errorf("got %s", text)
	}
	many := strings.Repeat("1 1 8:1 /x /v rw - ext4 d rw\n", 30)
	if text := describeMounts(writableMounts(strings.NewReader(many), nil), "/b"); !strings.Contains(text, "and 20 more") {
		t.Errorf("got %s", text)
	}
}
