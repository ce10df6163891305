{{ staged('survey_answers') }}
