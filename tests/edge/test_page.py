"""The spawn page as HTML: fields, words, escaping."""

import listings

from teamspawner.page import render


def page(listing, **options):
    return render(listing, now=listings.NOW, **options)


def test_every_tier_is_a_radio_with_its_slug():
    html = page(listings.physics_page())
    assert html.count('type="radio" name="profile"') == 6
    assert 'name="profile-option-gpu-a100--gpus" value="2"' in html
