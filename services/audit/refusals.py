"""Why audit says no."""

from services.common.errors import Kind, refusal

GROUP_NEEDED = refusal(
    "AUD-01",
    Kind.INVALID_ARGUMENT,
    en="Which group’s ledger is not said.",
    fr="Le groupe dont lire le registre n’est pas indiqué.",
    remedy_en="Give group_id, or ask for SCOPE_BY_ME or SCOPE_ABOUT_ME.",
    remedy_fr="Indiquez group_id, ou demandez SCOPE_BY_ME ou SCOPE_ABOUT_ME.",
)
OBJECT_NEEDED = refusal(
    "AUD-02",
    Kind.INVALID_ARGUMENT,
    en="Which object’s accesses to list is not said.",
    fr="L’objet dont lister les accès n’est pas indiqué.",
    remedy_en="Give object_id, or ask for SCOPE_GROUP.",
    remedy_fr="Indiquez object_id, ou demandez SCOPE_GROUP.",
)
ENDS_BEFORE_IT_BEGINS = refusal(
    "AUD-03",
    Kind.INVALID_ARGUMENT,
    en="The period ends before it begins.",
    fr="La période se termine avant de commencer.",
    remedy_en="Give a “to” that is later than “from”.",
    remedy_fr="Indiquez un « to » postérieur à « from ».",
)
