package keyring

import (
	"errors"
	"fmt"

	"github.com/godbus/dbus/v5"
	secretservice "github.com/zalando/go-keyring/secret_service"
)

const (
	secretsName = "org.freedesktop.secrets"
	secretsPath = "/org/freedesktop/secrets"
	secretsCall = "org.freedesktop.Secret.Service.Unlock"
	dismissCall = "org.freedesktop.Secret.Prompt.Dismiss"

	unknownService = "org.freedesktop.DBus.Error.ServiceUnknown"
)

// ready finds out whether the library can do its work without starting a D-Bus
// or showing a dialog, both of which it would. The first connection is made and
// closed for what it leaves behind: an address, so that the library has no need
// of dbus-launch.
func ready() error {
	conn, err := dbus.SessionBusPrivateNoAutoStartup()
	if err != nil {
		return fmt.Errorf("no D-Bus: %w", err)
	}
	_ = conn.Close()
	secrets, err := secretservice.NewSecretService()
	if err != nil {
		return fmt.Errorf("no D-Bus: %w", err)
	}
	collection := secrets.GetLoginCollection().Path()
	var unlocked []dbus.ObjectPath
	var prompt dbus.ObjectPath
	err = secrets.Object(secretsName, secretsPath).
		Call(secretsCall, 0, []dbus.ObjectPath{collection}).Store(&unlocked, &prompt)
	switch {
	case err != nil:
		return err
	case prompt != "/":
		secrets.Object(secretsName, prompt).Call(dismissCall, dbus.FlagNoReplyExpected)
		return errors.New("it is locked: unlock it, or log in to the desktop")
	case len(unlocked) == 0:
		return errors.New("it has no default collection")
	}
	return nil
}

// reason keeps the name of a D-Bus error and drops its text, which the other
// side wrote.
func reason(err error) error {
	failed, ok := errors.AsType[dbus.Error](err)
	switch {
	case !ok:
		return err
	case failed.Name == unknownService:
		return errors.New("no Secret Service on the D-Bus")
	}
	return errors.New(failed.Name)
}
