// SPDX-License-Identifier: Apache-2.0

package ldap

import "testing"

// The text is the one that Windows shows: its first three numbers are little-endian in the directory.
func TestAnObjectGUIDIsReadAndAskedFor(t *testing.T) {
	raw := []byte{0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08}
	const text = "12345678-9abc-def0-0102-030405060708"
	if got, err := formatGUID(raw); err != nil || got != text {
		t.Errorf("text %q, error %v", got, err)
	}
	c := Config{UserSearch: Search{Filter: "(&(objectClass=user)(sAMAccountName={name}))"}, Attributes: Attributes{ID: "objectGUID"}}
	filter, err := c.idFilter(text)
	if want := `(&(objectGUID=\78\56\34\12\bc\9a\f0\de\01\02\03\04\05\06\07\08)(&(objectClass=user)(sAMAccountName=*)))`; err != nil || filter != want {
		t.Errorf("filter %s, error %v", filter, err)
	}
	for _, wrong := range []string{"", "*", text + "00", "x2345678-9abc-def0-0102-030405060708"} {
		if filter, err := c.idFilter(wrong); err == nil {
			t.Errorf("%q becomes %s", wrong, filter)
		}
	}
	if text, err := formatGUID(raw[:8]); err == nil {
		t.Errorf("half of one becomes %s", text)
	}
}
