"""Groups from sign-in where only a function can find them: GitHub teams, LDAP."""

import teamspawner

teamspawner.setup(c, ("groups",))
